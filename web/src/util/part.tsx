import { type ComponentType, lazy, useState } from "react";

type Load<Props> = () => Promise<{ default: ComponentType<Props> }>;

const all: (() => void)[] = [];

/**
 * A component whose code is fetched apart from the page's. Where the code is here already it is
 * shown at once: `lazy` alone would show the fallback first, and React keeps that for 300 ms.
 */
export function part<Props extends object>(load: Load<Props>) {
  let ready: ComponentType<Props> | null = null;
  const fetchCode: Load<Props> = async () => {
    const module = await load();
    ready = module.default;
    return module;
  };
  const prefetch = () => void fetchCode().catch(() => undefined);
  all.push(prefetch);
  const Late = lazy(fetchCode) as ComponentType<Props>;
  const show = (props: Props) => <Kept choose={() => ready ?? Late} props={props} />;
  return Object.assign(show, { prefetch });
}

/** Shows what was chosen at first: another component in its place would begin anew. */
function Kept<Props extends object>({ choose, props }: { choose: () => ComponentType<Props>; props: Props }) {
  const [Shown] = useState(choose);
  return <Shown {...props} />;
}

/**
 * Fetches what the first picture did without, while nothing else goes on: a dialog must open even
 * when the network has gone by then.
 */
export function prefetchParts(): void {
  for (const prefetch of all) prefetch();
}
