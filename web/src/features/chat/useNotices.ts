import { useCallback, useEffect, useMemo, useState } from "react";
import { errorText } from "@/api/problem";

interface Told {
  /** Why something failed. */
  problem: string | null;
  /** What came too late, or was decided elsewhere. */
  note: string | null;
  /** What only screen readers are told. */
  said: string;
}

export interface Notices extends Told {
  setProblem: (text: string | null) => void;
  setNote: (text: string | null) => void;
  setSaid: (text: string) => void;
  /** Runs an action and shows why it failed. */
  attempt: (action: () => Promise<void>) => Promise<void>;
}

const NOTHING: Told = { problem: null, note: null, said: "" };

/**
 * What the page has to say above the input, in each conversation what concerns it: an action may end
 * after its conversation was left. What was said is over when the conversation is left.
 */
export function useNotices(conversationId: string | null): Notices {
  const name = conversationId ?? "";
  const [told, setTold] = useState<Record<string, Told>>({});
  useEffect(() => () => setTold(({ [name]: _, ...others }) => others), [name]);

  const tell = useCallback(
    (words: Partial<Told>) => setTold((all) => ({ ...all, [name]: { ...NOTHING, ...all[name], ...words } })),
    [name],
  );
  const ways = useMemo(() => {
    const setProblem = (problem: string | null) => tell({ problem });
    return {
      setProblem,
      setNote: (note: string | null) => tell({ note }),
      setSaid: (said: string) => tell({ said }),
      async attempt(action: () => Promise<void>) {
        setProblem(null);
        await action().catch((error: unknown) => setProblem(errorText(error)));
      },
    };
  }, [tell]);
  return { ...(told[name] ?? NOTHING), ...ways };
}
