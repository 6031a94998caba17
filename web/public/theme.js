// Runs before the first paint so that the page never flashes in the other theme.
(() => {
  let choice = "system";
  try {
    choice = localStorage.getItem("rejoinder.theme") ?? "system";
  } catch {
    // Storage may be blocked; the system's theme is then the answer.
  }
  const dark =
    choice === "dark" || (choice !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.toggle("dark", dark);
})();
