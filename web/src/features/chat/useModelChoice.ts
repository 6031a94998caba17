import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { chatApi } from "@/api/chatApi";
import { chooseModel } from "@/api/conversationService";
import { keys } from "@/api/queryClient";
import type { Conversation, Model, Models } from "@/api/types";
import { storage } from "@/util/storage";

const KEY = "rejoinder.model";

export interface ModelChoice {
  models: Models | undefined;
  /** The id that the next message goes to; null: what the server chooses for the conversation. */
  id: string | null;
  /** What is known of the model that answers; nothing while the server does not list it. */
  model: Model | undefined;
  /** The conversation's model is not listed now. It stays the conversation's model. */
  missing: boolean;
  choose: (id: string) => void;
  /** Asks again what there is to choose from. */
  refresh: () => void;
}

/**
 * The model of a conversation: picked here, else its own, whether or not it is listed now; else the
 * default. A conversation that is not begun yet has the last one picked, where that is listed.
 */
export function useModelChoice(
  conversationId: string | null,
  conversation: Pick<Conversation, "model"> | undefined,
): ModelChoice {
  const { data: models, refetch } = useQuery({
    queryKey: keys.models,
    queryFn: chatApi.models,
    // Endpoints come and go, and nobody says so.
    refetchOnWindowFocus: "always",
  });
  const [picked, setPicked] = useState<Record<string, string>>({});
  const known = (id: string | null | undefined) => models?.models.find((model) => model.id === id);
  const own = picked[conversationId ?? ""] ?? conversation?.model;
  const start = known(storage.get(KEY))?.id ?? models?.default;
  const id = own ?? (conversationId === null ? start : null) ?? null;
  return {
    models,
    id,
    model: known(id ?? models?.default),
    missing: models !== undefined && own != null && !known(own),
    choose(next) {
      storage.set(KEY, next);
      setPicked((all) => ({ ...all, [conversationId ?? ""]: next }));
      if (conversationId === null) return;
      // The conversation keeps it, here and on other devices. Where that fails, the messages say it.
      void chooseModel(conversationId, next).then(
        // Unless another one has been picked since.
        () => setPicked((all) => (all[conversationId] === next ? without(all, conversationId) : all)),
        () => undefined,
      );
    },
    refresh: () => void refetch(),
  };
}

function without(picked: Record<string, string>, conversationId: string): Record<string, string> {
  const { [conversationId]: _, ...others } = picked;
  return others;
}
