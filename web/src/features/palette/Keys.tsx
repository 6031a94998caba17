/** Keys that are pressed together. */
export function Keys({ names }: { names: string[] }) {
  return (
    <span className="flex shrink-0 gap-1">
      {names.map((name) => (
        <kbd
          key={name}
          className="min-w-6 rounded-md border border-line bg-code px-1.5 text-center font-sans text-muted text-sm"
        >
          {name}
        </kbd>
      ))}
    </span>
  );
}
