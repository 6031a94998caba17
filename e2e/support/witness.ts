import { createServer, type Server as HttpServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Entry {
  method: string;
  path: string;
  body: unknown;
}

/** A service with side effects: what is in `entries` has happened, whatever anybody was told. */
export class Witness {
  readonly entries: Entry[] = [];
  /** What it does from the next call on, once it has acted: answer, or go without a word. */
  behaviour: "answer" | "die" = "answer";

  private constructor(private readonly http: HttpServer) {}

  static async start(): Promise<Witness> {
    const http = createServer();
    const witness = new Witness(http);
    http.on("request", async (request, response) => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      const text = Buffer.concat(parts).toString();
      witness.act(
        { method: request.method ?? "", path: request.url ?? "", body: text ? JSON.parse(text) : null },
        response,
      );
    });
    await new Promise<void>((listening) => http.listen(0, "127.0.0.1", listening));
    return witness;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  private act(entry: Entry, response: ServerResponse): void {
    this.entries.push(entry);
    if (this.behaviour === "die") response.destroy();
    else response.setHeader("content-type", "application/json").end(JSON.stringify({ done: this.entries.length }));
  }

  async stop(): Promise<void> {
    this.http.closeAllConnections();
    await new Promise((closed) => this.http.close(closed));
  }
}

/** An operator's lines for a tool named `order` whose calls the witness sees. */
export function orderTool(witness: Witness, policy: "allow" | "ask"): string {
  return `
[[tools]]
name = "order"
description = "Orders goods."
method = "POST"
url = "${witness.url}/orders/{sku}"
policy = "${policy}"
schema = { type = "object", required = ["sku"], properties = { sku = { type = "string" }, note = { type = "string" } } }
`;
}
