import { useEffect, useState } from "react";
import { copyText } from "@/util/clipboard";
import { IconButton } from "./Button";
import { CheckIcon, CopyIcon } from "./icons";

/** Copies a text and says so for a moment. */
export function CopyButton({ text, label }: { text: () => string; label: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1600);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <IconButton label={copied ? "Copied" : label} onClick={async () => setCopied(await copyText(text()))}>
      {copied ? (
        <CheckIcon width={16} height={16} className="text-success" />
      ) : (
        <CopyIcon width={16} height={16} />
      )}
    </IconButton>
  );
}
