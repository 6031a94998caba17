import { useCallback, useEffect, useState } from "react";
import { errorText } from "@/api/problem";

export interface Notices {
  /** Why something failed. */
  problem: string | null;
  /** What came too late, or was decided elsewhere. */
  note: string | null;
  /** What only screen readers are told. */
  said: string;
  setProblem: (text: string | null) => void;
  setNote: (text: string | null) => void;
  setSaid: (text: string) => void;
  /** Runs an action and shows why it failed. */
  attempt: (action: () => Promise<void>) => Promise<void>;
}

/** What the page has to say above the input; another conversation begins with nothing said. */
export function useNotices(conversationId: string | null): Notices {
  const [problem, setProblem] = useState<string | null>(null);
  const [note, setNote] = useState<string | null>(null);
  const [said, setSaid] = useState("");

  // biome-ignore lint/correctness/useExhaustiveDependencies: for each conversation that is opened
  useEffect(() => {
    setProblem(null);
    setNote(null);
    setSaid("");
  }, [conversationId]);

  const attempt = useCallback(async (action: () => Promise<void>) => {
    setProblem(null);
    await action().catch((error: unknown) => setProblem(errorText(error)));
  }, []);

  return { problem, note, said, setProblem, setNote, setSaid, attempt };
}
