import { create } from "zustand";
import { storage } from "./storage";

export type Theme = "system" | "light" | "dark";
const KEY = "rejoinder.theme";
const query = matchMedia("(prefers-color-scheme: dark)");

function apply(theme: Theme): void {
  const dark = theme === "dark" || (theme === "system" && query.matches);
  document.documentElement.classList.toggle("dark", dark);
}

function stored(): Theme {
  const value = storage.get(KEY);
  return value === "light" || value === "dark" ? value : "system";
}

export const useTheme = create<{ theme: Theme; setTheme: (theme: Theme) => void }>((set) => ({
  theme: stored(),
  setTheme(theme) {
    storage.set(KEY, theme === "system" ? null : theme);
    apply(theme);
    set({ theme });
  },
}));

query.addEventListener("change", () => apply(useTheme.getState().theme));
