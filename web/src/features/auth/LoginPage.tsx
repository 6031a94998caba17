import { useState } from "react";
import { authApi } from "@/api/authApi";
import type { Meta } from "@/api/types";
import { Button } from "@/ui/Button";
import { Field } from "@/ui/Field";
import { Notice } from "@/ui/Notice";
import { useSubmit } from "@/ui/useSubmit";
import { AccountFields } from "./AccountFields";
import { AuthFrame } from "./AuthFrame";

export function LoginPage({ meta, expired }: { meta: Meta | undefined; expired: boolean }) {
  const [creating, setCreating] = useState(false);
  if (creating) return <RegisterForm onBack={() => setCreating(false)} />;
  return <LoginForm meta={meta} expired={expired} onCreate={() => setCreating(true)} />;
}

function LoginForm({
  meta,
  expired,
  onCreate,
}: {
  meta: Meta | undefined;
  expired: boolean;
  onCreate: () => void;
}) {
  const { busy, onSubmit, fieldError, message } = useSubmit(({ email = "", password = "" }) =>
    authApi.login(email, password),
  );
  return (
    <AuthFrame title="Sign in" lead={expired && "Your session has ended. What you were writing is kept."}>
      <form onSubmit={onSubmit} className="space-y-4">
        <Field
          label="Email"
          name="email"
          type="email"
          autoComplete="username"
          required
          autoFocus
          error={fieldError("email")}
        />
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
          error={fieldError("password")}
        />
        {message && <Notice tone="danger">{message}</Notice>}
        <Button kind="primary" type="submit" busy={busy} className="h-10! w-full text-base!">
          Sign in
        </Button>
      </form>
      <div className="mt-6 space-y-3 text-muted text-sm">
        <details>
          <summary className="w-fit underline decoration-line underline-offset-3 hover:text-text">
            Forgot password
          </summary>
          <p className="mt-2">
            Whoever runs this server can set a new one with{" "}
            <code className="rounded bg-bubble px-1 py-0.5 font-mono">
              {meta?.password_reset_command ?? "rejoinder user passwd EMAIL"}
            </code>
            .
          </p>
        </details>
        {meta?.registration === "open" ? (
          <button
            type="button"
            onClick={onCreate}
            className="underline decoration-line underline-offset-3 hover:text-text"
          >
            Create an account
          </button>
        ) : (
          <p>No account yet? An admin of this server adds accounts.</p>
        )}
      </div>
    </AuthFrame>
  );
}

function RegisterForm({ onBack }: { onBack: () => void }) {
  const { busy, onSubmit, fieldError, message } = useSubmit(({ email = "", password = "", full_name = "" }) =>
    authApi.register({ email, password, full_name }),
  );
  return (
    <AuthFrame title="Create an account">
      <form onSubmit={onSubmit} className="space-y-4">
        <AccountFields errorOf={fieldError} />
        {message && <Notice tone="danger">{message}</Notice>}
        <Button kind="primary" type="submit" busy={busy} className="h-10! w-full text-base!">
          Create account
        </Button>
        <Button kind="quiet" onClick={onBack} className="w-full">
          Back to sign in
        </Button>
      </form>
    </AuthFrame>
  );
}
