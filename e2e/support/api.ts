/** The API as a program uses it, to see what the page can't show. */
export class Api {
  private constructor(
    private readonly base: string,
    private readonly token: string,
  ) {}

  static async signIn(url: string, email: string, password: string): Promise<Api> {
    const base = `${url}/api/v1`;
    const answer = await fetch(`${base}/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email, password }),
    });
    if (!answer.ok) throw new Error(`login: ${answer.status} ${await answer.text()}`);
    const { access_token } = (await answer.json()) as { access_token: string };
    return new Api(base, access_token);
  }

  async get<T>(path: string): Promise<{ status: number; body: T }> {
    const answer = await fetch(this.base + path, {
      headers: { authorization: `Bearer ${this.token}` },
    });
    return { status: answer.status, body: (await answer.json()) as T };
  }

  /** Says something, in a new conversation where none is named, and waits for the answer. */
  ask(content: string, conversation: string | null = null): Promise<string> {
    return this.message(content, conversation, {});
  }

  /** The same without waiting: the answer is still to come. */
  say(content: string, conversation: string | null = null): Promise<string> {
    return this.message(content, conversation, { prefer: "respond-async" });
  }

  /** Makes an account, as only an admin may. */
  async addUser(user: { full_name: string; email: string; password: string }): Promise<void> {
    await this.post("/admin/users", { ...user, role: "user" }, {});
  }

  private async message(
    content: string,
    conversation_id: string | null,
    headers: Record<string, string>,
  ): Promise<string> {
    const answer = await this.post("/chat/messages", { content, conversation_id }, headers);
    return ((await answer.json()) as { conversation_id: string }).conversation_id;
  }

  private async post(path: string, body: unknown, headers: Record<string, string>): Promise<Response> {
    const answer = await fetch(this.base + path, {
      method: "POST",
      headers: {
        authorization: `Bearer ${this.token}`,
        "content-type": "application/json",
        ...headers,
      },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  }

  async conversations(): Promise<{ conversation_id: string; title: string | null }[]> {
    const { body } = await this.get<{ conversations: { conversation_id: string; title: string }[] }>(
      "/chat/conversations",
    );
    return body.conversations;
  }

  async messages(id: string): Promise<{ role: string; content: string; status: string }[]> {
    const { body } = await this.get<{ role: string; content: string; status: string }[]>(
      `/chat/conversations/${id}/messages`,
    );
    return body.map(({ role, content, status }) => ({ role, content, status }));
  }
}
