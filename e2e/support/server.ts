import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Child } from "./child.ts";
import { repository } from "./paths.ts";

export interface Options {
  /** Base URL of an OpenAI-compatible endpoint; without it the built-in model answers. */
  model?: string;
  publicUrl?: string;
  /** The text of `rejoinder.toml`. */
  config?: string;
  args?: string[];
}

/** Names of other providers must not reach the server from whoever runs the tests. */
function environment(options: Options): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(REJOINDER_|OPENAI_|ANTHROPIC_|GEMINI_|OLLAMA_)/.test(name),
  );
  const env: NodeJS.ProcessEnv = Object.fromEntries(kept);
  if (options.model) {
    env.OPENAI_API_KEY = "sk-test";
    env.OPENAI_BASE_URL = options.model;
  }
  return env;
}

/** The real binary with a data directory of its own. */
export class Server {
  readonly dataDir = mkdtempSync(join(tmpdir(), "rejoinder-e2e-"));
  private child?: Child;
  private listen = "127.0.0.1:0";

  constructor(private readonly options: Options = {}) {
    if (options.config) writeFileSync(join(this.dataDir, "rejoinder.toml"), options.config);
  }

  /** Starts it; after a kill, on the same port and the same data. */
  async start(): Promise<void> {
    const program = process.env.REJOINDER_BIN ?? repository("target/debug/rejoinder");
    const args = ["serve", "--listen", this.listen, "--data-dir", this.dataDir];
    if (this.options.model) args.push("--model", "openai/scripted");
    if (this.options.publicUrl) args.push("--public-url", this.options.publicUrl);
    args.push(...(this.options.args ?? []));
    this.child = await Child.start(program, args, environment(this.options));
    this.listen = new URL(this.child.url).host;
  }

  get url(): string {
    return `http://${this.listen}`;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  get log(): string {
    return this.child?.stderr ?? "";
  }

  /** It takes nothing new, ends what it can, and leaves; resolves when it has left. */
  async drain(): Promise<void> {
    await this.child?.end("SIGTERM");
  }

  /** The process is gone in the middle of whatever it did. */
  async kill(): Promise<void> {
    await this.child?.end("SIGKILL");
  }

  async dispose(): Promise<void> {
    await this.kill();
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}
