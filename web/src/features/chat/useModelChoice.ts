import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { chatApi } from "@/api/chatApi";
import { keys } from "@/api/queryClient";
import type { Model, Models } from "@/api/types";
import { storage } from "@/util/storage";

const KEY = "rejoinder.model";

interface ModelChoice {
  models: Models | undefined;
  /** The model that the next message goes to; null: let the server choose. */
  model: Model | undefined;
  choose: (id: string) => void;
}

/** The model of a conversation: picked here, else the one it used, else the last one picked, else the default. */
export function useModelChoice(conversationId: string | null, used: string | null | undefined): ModelChoice {
  const { data: models } = useQuery({ queryKey: keys.models, queryFn: chatApi.models });
  const [picked, setPicked] = useState<Record<string, string>>({});
  const remembered = storage.get(KEY);
  const wanted = [picked[conversationId ?? ""], used, conversationId ? null : remembered, models?.default];
  const known = (id: string | null | undefined) => models?.models.find((model) => model.id === id);
  return {
    models,
    model: wanted.map(known).find(Boolean),
    choose(id) {
      storage.set(KEY, id);
      setPicked({ ...picked, [conversationId ?? ""]: id });
    },
  };
}
