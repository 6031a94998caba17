// Messages that wait behind an active run, as docs/protocol.md has it: first in, first out, in no branch until their turn.

const MAX_QUEUED = 20;

/** What the queue needs of the server: its refusals, its feed, and how a run begins. */
export function createQueue({ Refusal, publish, newMessage, touch, begin, lastId }) {
  const waiting = new Map();
  const of = (conversationId) => waiting.get(conversationId) ?? [];

  function find(conversationId, messageId) {
    const entry = of(conversationId).find(({ message }) => message.id === messageId);
    if (!entry) throw new Refusal(409, "not_queued", "This message does not wait any more.");
    return entry;
  }

  return {
    messages: (conversationId) => of(conversationId).map(({ message }) => message),

    add(run, fields) {
      const { conversation_id } = run;
      const entries = of(conversation_id);
      if (entries.length >= MAX_QUEUED) {
        throw new Refusal(409, "queue_full", `At most ${MAX_QUEUED} messages of a conversation wait.`);
      }
      const message = newMessage({ ...fields, parent_id: null, status: "queued" });
      waiting.set(conversation_id, [...entries, { message, run }]);
      publish("message", { ...message }, conversation_id);
      return message;
    },

    change(conversationId, messageId, content) {
      const { message, run } = find(conversationId, messageId);
      message.content = content;
      run.prompt = content;
      publish("message", { ...message }, conversationId);
      return message;
    },

    remove(conversationId, messageId) {
      const entry = find(conversationId, messageId);
      waiting.set(
        conversationId,
        of(conversationId).filter((each) => each !== entry),
      );
      publish("run", { run_id: entry.run.run_id, state: "cancelled", step: 0 }, conversationId);
      publish("message", { id: messageId, deleted: true }, conversationId);
    },

    /** The run before it has ended: the next message becomes part of the branch. */
    next(conversationId, list) {
      const [entry, ...rest] = of(conversationId);
      if (!entry || !list) return;
      waiting.set(conversationId, rest);
      Object.assign(entry.message, { parent_id: lastId(list), status: "complete" });
      list.push(entry.message);
      publish("message", { ...entry.message }, conversationId);
      touch(conversationId);
      begin(entry.run);
    },
  };
}
