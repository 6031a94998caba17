/** localStorage that never throws: storage can be blocked, full, or hold what another version wrote. */
export const storage = {
  get(key: string): string | null {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  },
  set(key: string, value: string | null): void {
    try {
      if (value === null) localStorage.removeItem(key);
      else localStorage.setItem(key, value);
    } catch {
      // Nothing to do: the page works without, it only forgets.
    }
  },
  getJson<T>(key: string, fallback: T): T {
    const raw = storage.get(key);
    if (raw === null) return fallback;
    try {
      return JSON.parse(raw) as T;
    } catch {
      return fallback;
    }
  },
  removeWhere(matches: (key: string) => boolean): void {
    try {
      for (const key of Object.keys(localStorage)) if (matches(key)) localStorage.removeItem(key);
    } catch {
      // See above.
    }
  },
};
