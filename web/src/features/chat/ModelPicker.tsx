import type { Ref } from "react";
import type { Models } from "@/api/types";
import { ChevronIcon, SparkIcon } from "@/ui/icons";
import { Menu } from "@/ui/Menu";
import { Notice } from "@/ui/Notice";

export function ModelPicker({
  models,
  value,
  onOpen,
  onChange,
  onExplainModel,
  button,
}: {
  models: Models;
  /** One that is not listed now is shown by its id. */
  value: string | null;
  onOpen: () => void;
  onChange: (id: string) => void;
  onExplainModel: () => void;
  button: Ref<HTMLButtonElement>;
}) {
  const current = models.models.find(({ id }) => id === value);
  // Which one is the default may depend on a list that could not be had.
  const unnamed = models.unlisted.length > 0 ? "Default model" : "No model";
  const label = current?.label ?? value ?? unnamed;
  const missing = value !== null && !current;
  return (
    <Menu
      align="end"
      onOpen={onOpen}
      trigger={
        <button
          ref={button}
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
          options: [
            ...(missing ? [{ value, label: value, detail: "Not available now" }] : []),
            ...models.models.map(({ id, label: name, provider, built_in }) => ({
              value: id,
              label: name,
              detail: built_in ? "Built in, tiny, no key needed" : provider,
            })),
          ],
        },
        ...models.unlisted.map(({ provider, detail }) => ({
          kind: "note" as const,
          title: `${provider} did not list its models`,
          text: detail,
        })),
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

/** The conversation's model is not listed now. Nothing else answers in its place unless the user says so. */
export function MissingModel({
  id,
  unlisted,
  onChoose,
}: {
  /** `provider/model` */
  id: string;
  unlisted: Models["unlisted"];
  onChoose: () => void;
}) {
  const why = unlisted.find(({ provider }) => id.startsWith(`${provider}/`))?.detail;
  return (
    <Notice tone="warning" className="mb-2 flex flex-wrap items-start justify-between gap-x-3 gap-y-1">
      <span className="min-w-48 flex-1">
        The model “{id}” is not available now. {why && `${why} `}This conversation keeps it, and your messages
        still go to it.
      </span>
      <button type="button" className="font-medium underline touch:min-h-10" onClick={onChoose}>
        Choose another model
      </button>
    </Notice>
  );
}
