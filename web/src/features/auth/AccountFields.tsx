import { Field } from "@/ui/Field";

/** The fields of a new account. */
export function AccountFields({ errorOf }: { errorOf: (name: string) => string | undefined }) {
  return (
    <>
      <Field label="Full name" name="full_name" autoComplete="name" required error={errorOf("full_name")} />
      <Field
        label="Email"
        name="email"
        type="email"
        autoComplete="username"
        required
        error={errorOf("email")}
      />
      <Field
        label="Password"
        name="password"
        type="password"
        autoComplete="new-password"
        required
        hint="A few words you can remember make a good one."
        error={errorOf("password")}
      />
    </>
  );
}
