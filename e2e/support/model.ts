import { Child } from "./child.ts";
import { repository } from "./paths.ts";

/** The text of an answer of `n` tokens. */
export function scriptedText(n: number): string {
  return Array.from({ length: n }, (_, i) => `tok${i}`).join(" ");
}

export interface Asked {
  number: number;
  sent: number;
  ended: "running" | "complete" | "fault" | "dropped";
  body: { messages: { role: string; content: unknown }[] };
}

/** The scripted model: an OpenAI-compatible server that is held and let go token by token. */
export class Model {
  private constructor(private readonly child: Child) {}

  static async start(): Promise<Model> {
    const program = process.env.SCRIPTED_MODEL_BIN ?? repository("target/debug/scripted-model");
    return new Model(await Child.start(program, ["--port", "0"], process.env));
  }

  get baseUrl(): string {
    return `${this.child.url}/v1`;
  }

  /** Waits until answers have come to the gate so many times. */
  async reached(gate: string, times = 1): Promise<void> {
    const answer = await fetch(`${this.child.url}/gates/${gate}/reached?times=${times}`);
    if (answer.status !== 204) throw new Error(`nobody came to the gate ${gate}: ${answer.status}`);
  }

  async open(gate: string): Promise<void> {
    await fetch(`${this.child.url}/gates/${gate}/open`, { method: "POST" });
  }

  /** Requests for answers, without those for titles. */
  async asked(): Promise<Asked[]> {
    const all = (await (await fetch(`${this.child.url}/requests`)).json()) as Asked[];
    const title = (asked: Asked) =>
      asked.body.messages.some((m) => m.role === "system" && String(m.content).includes("title"));
    return all.filter((asked) => !title(asked));
  }

  stop(): Promise<void> {
    return this.child.end("SIGKILL");
  }
}
