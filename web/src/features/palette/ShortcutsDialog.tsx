import { Dialog } from "@/ui/Dialog";
import { COMMAND_KEY } from "@/util/keys";
import { Keys } from "./Keys";

const SHEET = [
  { keys: [COMMAND_KEY, "K"], does: "Go to a conversation or a command" },
  { keys: [COMMAND_KEY, "Shift", "O"], does: "New conversation" },
  { keys: ["/"], does: "Go to the input" },
  { keys: ["Enter"], does: "Send, or queue while an answer is written" },
  { keys: ["Shift", "Enter"], does: "New line" },
  { keys: [COMMAND_KEY, "Enter"], does: "Interrupt the answer and send" },
  { keys: ["↑"], does: "In an empty input: edit the last message" },
  { keys: ["Esc"], does: "Stop the answer, or close what is in front" },
  { keys: ["?"], does: "This sheet" },
];

export default function ShortcutsDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog onClose={onClose} title="Keyboard shortcuts">
      <dl className="divide-y divide-line text-sm">
        {SHEET.map(({ keys, does }) => (
          <div key={does} className="flex min-h-10 items-center justify-between gap-4 py-1.5">
            <dt>{does}</dt>
            <dd>
              <Keys names={keys} />
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
