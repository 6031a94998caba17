import type { Message } from "@/api/types";

type Limit = NonNullable<NonNullable<Message["additional_data"]>["limit"]>;

const LIMITS: Record<Limit, string> = {
  steps: "One answer may take only so many steps on this server, and this one took them all.",
  tokens: "One answer may use only so many tokens on this server, and this one used them up.",
  answer_bytes: "The answer became as long as this server lets it, and was cut there.",
  time: "The answer took longer than this server allows.",
};

/** Which limit an answer met, in words; of one that the page does not know yet, that there was one. */
export function limitWords({ additional_data: data }: Message): string | null {
  if (data?.limit) return LIMITS[data.limit] ?? "The answer met a limit of this server.";
  if (data?.finish === "length") return "The model reached its own limit for one answer, and was cut there.";
  return null;
}
