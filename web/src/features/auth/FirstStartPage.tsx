import { authApi } from "@/api/authApi";
import { keys, queryClient } from "@/api/queryClient";
import type { Meta } from "@/api/types";
import { Button } from "@/ui/Button";
import { Field } from "@/ui/Field";
import { Notice } from "@/ui/Notice";
import { useSubmit } from "@/ui/useSubmit";
import { AccountFields } from "./AccountFields";
import { AuthFrame } from "./AuthFrame";

/** Each start prints another code, and so does the deletion of the last account; it is kept nowhere else. */
const HINT =
  "It shows that the machine is yours. The server prints it to its standard output, or into its service’s log: “setup code for the first account: …”. The latest one counts, and a restart prints a new one.";

/** Shown until the first account exists. */
export function FirstStartPage({ meta }: { meta: Meta }) {
  const { busy, onSubmit, fieldError, message } = useSubmit(async (values) => {
    const { email = "", password = "", full_name = "", setup_code } = values;
    try {
      await authApi.register({ email, password, full_name, ...(setup_code && { setup_code }) });
    } finally {
      // Someone else may have been first.
      void queryClient.invalidateQueries({ queryKey: keys.meta });
    }
  });
  return (
    <AuthFrame
      title="Create the admin account"
      lead="This is a new server. The first account looks after it and can add others."
    >
      <form onSubmit={onSubmit} className="space-y-4">
        <AccountFields errorOf={fieldError} />
        {meta.setup_code_required && (
          <Field
            label="Setup code"
            name="setup_code"
            autoComplete="off"
            required
            hint={HINT}
            error={fieldError("setup_code")}
          />
        )}
        {message && <Notice tone="danger">{message}</Notice>}
        <Button kind="primary" type="submit" busy={busy} className="h-10! w-full text-base!">
          Create account
        </Button>
      </form>
    </AuthFrame>
  );
}
