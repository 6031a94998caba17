import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A program that says `listening on http://…` in its first line. */
export class Child {
  private constructor(
    readonly process: ChildProcess,
    readonly url: string,
    private readonly log: string[],
  ) {}

  static async start(program: string, args: string[], env: NodeJS.ProcessEnv): Promise<Child> {
    const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    const log: string[] = [];
    child.stderr.on("data", (data: Buffer) => {
      log.push(data.toString());
      if (log.length > 500) log.shift();
    });
    const ended = once(child, "exit").then(([code, signal]) => {
      throw new Error(`${program} ended early (${code ?? signal}):\n${log.join("")}`);
    });
    const spoken = (async () => {
      for await (const line of createInterface(child.stdout)) {
        const found = /^listening on (http:\/\/\S+)/.exec(line);
        if (found?.[1]) return found[1];
      }
      return ended;
    })();
    ended.catch(() => {});
    const url = await Promise.race([spoken, ended]);
    // Nobody reads the rest, and a full pipe would stop the program.
    child.stdout.resume();
    return new Child(child, url.replace(/\/$/, ""), log);
  }

  /** What it wrote to standard error lately. */
  get stderr(): string {
    return this.log.join("");
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const exit = once(this.process, "exit");
    this.process.kill(signal);
    await exit;
  }
}
