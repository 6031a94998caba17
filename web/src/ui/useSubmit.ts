import { type FormEvent, useState } from "react";

interface FieldProblem {
  field: (name: string) => string | undefined;
  fields: { pointer: string }[];
}

const hasFields = (error: unknown): error is FieldProblem =>
  error instanceof Error && "field" in error && typeof error.field === "function";

/** Whether everything that was wrong is said beside a field of the form. */
const saidInFields = (error: unknown, form: HTMLFormElement): boolean =>
  hasFields(error) &&
  error.fields.length > 0 &&
  error.fields.every(({ pointer }) => form.elements.namedItem(pointer.replace(/^#?\//, "")) !== null);

/** Submits a form once at a time and keeps what was wrong with it. */
export function useSubmit(action: (values: Record<string, string>) => Promise<void>) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [general, setGeneral] = useState(false);

  async function onSubmit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const entries = [...new FormData(form)].map(([name, value]) => [name, String(value)]);
    setBusy(true);
    setError(null);
    try {
      await action(Object.fromEntries(entries));
      form.reset();
    } catch (cause) {
      setError(cause);
      setGeneral(!saidInFields(cause, form));
    } finally {
      setBusy(false);
    }
  }

  return {
    busy,
    onSubmit,
    fieldError: (name: string) => (hasFields(error) ? error.field(name) : undefined),
    message: error === null || !general ? null : error instanceof Error ? error.message : String(error),
  };
}
