import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import type { Models } from "@/api/types";
import { MissingModel, ModelPicker } from "./ModelPicker";

const tiny = { id: "local/tiny", label: "Tiny", provider: "local", built_in: true, context_window: 2048 };
const away = {
  provider: "vllm",
  code: "model_unreachable",
  detail: "vllm can't be reached at http://lab:8000/v1: connection refused.",
};

function show(models: Models, value: string | null = models.default) {
  render(
    <ModelPicker
      models={models}
      value={value}
      onOpen={() => undefined}
      onChange={() => undefined}
      onExplainModel={() => undefined}
      button={null}
    />,
  );
}

async function opened() {
  await userEvent.click(screen.getByRole("button", { name: /^Model:/ }));
  return await screen.findByRole("menu");
}

it("a provider that did not list its models is named, with the reason, and the menu is described by it", async () => {
  show({ models: [tiny], default: tiny.id, unlisted: [away] });
  const menu = await opened();
  expect(screen.getAllByRole("menuitemradio")).toHaveLength(1);
  const ids = menu.getAttribute("aria-describedby")?.split(" ") ?? [];
  expect(ids.map((id) => document.getElementById(id)?.textContent)).toEqual([
    `vllm did not list its models${away.detail}`,
  ]);
});

it("where all of them did there is nothing to say", async () => {
  show({ models: [tiny], default: tiny.id, unlisted: [] });
  expect((await opened()).getAttribute("aria-describedby")).toBeNull();
  expect(screen.queryByText(/did not list/)).toBeNull();
});

it("a default that is not known yet is no lack of models", () => {
  show({ models: [tiny], default: null, unlisted: [away] });
  expect(screen.getByRole("button", { name: "Model: Default model" })).toBeDefined();
});

it("without any model the button says so", () => {
  show({ models: [], default: null, unlisted: [] });
  expect(screen.getByRole("button", { name: "Model: No model" })).toBeDefined();
});

it("a model that is missing says why, where its provider gave a reason", () => {
  const missing = (unlisted: Models["unlisted"]) => (
    <MissingModel id="vllm/big" unlisted={unlisted} onChoose={() => undefined} />
  );
  const { container, rerender } = render(missing([{ ...away, provider: "other", detail: "No." }, away]));
  expect(container.textContent).toContain(
    `“vllm/big” is not available now. ${away.detail} This conversation`,
  );
  rerender(missing([]));
  expect(container.textContent).toContain("“vllm/big” is not available now. This conversation");
});
