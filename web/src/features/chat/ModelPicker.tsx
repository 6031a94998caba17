import type { Models } from "@/api/types";
import { ChevronIcon, SparkIcon } from "@/ui/icons";
import { Menu } from "@/ui/Menu";

export function ModelPicker({
  models,
  value,
  onChange,
  onExplainModel,
}: {
  models: Models;
  value: string | null;
  onChange: (id: string) => void;
  onExplainModel: () => void;
}) {
  const current = models.models.find(({ id }) => id === value);
  const label = current?.label ?? value ?? "No model";
  return (
    <Menu
      align="end"
      trigger={
        <button
          type="button"
          aria-label={`Model: ${label}`}
          title={label}
          className="inline-flex h-8 min-w-0 max-w-52 items-center gap-1 rounded-control ps-2.5 pe-1.5 text-muted text-sm hover:bg-hover hover:text-text max-sm:max-w-32 touch:h-10"
        >
          <span className="truncate">{label}</span>
          <ChevronIcon width={16} height={16} className="shrink-0" />
        </button>
      }
      entries={() => [
        {
          kind: "choice",
          label: "Model",
          value: value ?? "",
          onSelect: onChange,
          options: models.models.map(({ id, label: name, provider, built_in }) => ({
            value: id,
            label: name,
            detail: built_in ? "Built in, tiny, no key needed" : provider,
          })),
        },
        { kind: "separator" },
        {
          kind: "item",
          label: "Connect another model",
          icon: <SparkIcon width={16} height={16} />,
          onSelect: onExplainModel,
        },
      ]}
    />
  );
}
