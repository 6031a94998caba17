import { create } from "zustand";

/** Notices that the server was upgraded under a loaded page. */
export const useVersion = create<{ running: string | null; upgraded: boolean }>(() => ({
  running: null,
  upgraded: false,
}));

export function sawVersion(version: string | null | undefined): void {
  if (!version) return;
  const { running } = useVersion.getState();
  if (running === null) useVersion.setState({ running: version });
  else if (running !== version) useVersion.setState({ upgraded: true });
}
