import { expect, type Page } from "@playwright/test";
import axe, { type AxeResults } from "axe-core";

/** Fails with the rule and the element of every serious or critical violation. */
export async function expectAccessible(page: Page): Promise<void> {
  // Evaluated by the debugger: the page's policy allows no foreign script.
  await page.evaluate(axe.source);
  const results: AxeResults = await page.evaluate("axe.run()");
  const grave = results.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
  expect(grave).toEqual([]);
}

export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const beyond = await page.evaluate(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );
  expect(beyond).toBeLessThanOrEqual(0);
}
