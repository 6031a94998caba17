import { Tabs } from "@base-ui/react/tabs";
import { useState } from "react";
import { authApi } from "@/api/authApi";
import { useSession } from "@/api/session";
import type { User } from "@/api/types";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Field } from "@/ui/Field";
import { Notice } from "@/ui/Notice";
import { useSubmit } from "@/ui/useSubmit";
import { Sessions } from "./Sessions";

const TABS = [
  { id: "profile", label: "Profile", Panel: Profile },
  { id: "password", label: "Password", Panel: Password },
  { id: "sessions", label: "Sessions", Panel: Sessions },
  { id: "delete", label: "Delete account", Panel: DeleteAccount },
];

export default function AccountDialog({ user, onClose }: { user: User; onClose: () => void }) {
  return (
    <Dialog onClose={onClose} title="Account" wide>
      <Tabs.Root defaultValue="profile">
        <Tabs.List className="-mx-1 mb-5 flex flex-wrap gap-1 border-line border-b px-1 pb-2">
          {TABS.map(({ id, label }) => (
            <Tabs.Tab
              key={id}
              value={id}
              className="h-9 whitespace-nowrap rounded-control px-3 text-muted text-sm hover:bg-hover data-active:bg-selected data-active:text-text touch:h-10"
            >
              {label}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {TABS.map(({ id, Panel }) => (
          <Tabs.Panel key={id} value={id} className="min-h-72 outline-none">
            <Panel user={user} />
          </Tabs.Panel>
        ))}
      </Tabs.Root>
    </Dialog>
  );
}

function Profile({ user }: { user: User }) {
  const [name, setName] = useState(user.full_name);
  const [saved, setSaved] = useState(false);
  const { busy, onSubmit, fieldError, message } = useSubmit(async () => {
    useSession.setState({ user: await authApi.rename(name.trim()) });
    setSaved(true);
  });
  return (
    <form onSubmit={onSubmit} className="max-w-sm space-y-4">
      <Field
        label="Full name"
        name="full_name"
        autoComplete="name"
        required
        value={name}
        onChange={(event) => {
          setName(event.target.value);
          setSaved(false);
        }}
        error={fieldError("full_name")}
      />
      <Field label="Email" value={user.email} readOnly disabled hint={`Role: ${user.role}`} />
      {message && <Notice tone="danger">{message}</Notice>}
      <Button kind="primary" type="submit" busy={busy} disabled={name.trim() === user.full_name}>
        {saved ? "Saved" : "Save name"}
      </Button>
    </form>
  );
}

function Password() {
  const [done, setDone] = useState(false);
  const { busy, onSubmit, fieldError, message } = useSubmit(
    async ({ current_password = "", new_password = "" }) => {
      setDone(false);
      await authApi.changePassword(current_password, new_password);
      setDone(true);
    },
  );
  return (
    <form onSubmit={onSubmit} className="max-w-sm space-y-4">
      <Field
        label="Current password"
        name="current_password"
        type="password"
        autoComplete="current-password"
        required
        error={fieldError("current_password")}
      />
      <Field
        label="New password"
        name="new_password"
        type="password"
        autoComplete="new-password"
        required
        error={fieldError("new_password")}
      />
      {message && <Notice tone="danger">{message}</Notice>}
      {done && <Notice tone="plain">The password is changed. Other devices were signed out.</Notice>}
      <Button kind="primary" type="submit" busy={busy}>
        Change password
      </Button>
    </form>
  );
}

function DeleteAccount() {
  const { busy, onSubmit, fieldError, message } = useSubmit(({ password = "" }) =>
    authApi.deleteAccount(password),
  );
  return (
    <form onSubmit={onSubmit} className="max-w-sm space-y-4">
      <p>
        Deletes your account with every conversation, todo and session. This can’t be undone, and nobody can
        bring it back for you.
      </p>
      <Field
        label="Password"
        name="password"
        type="password"
        autoComplete="current-password"
        required
        error={fieldError("password")}
      />
      {message && <Notice tone="danger">{message}</Notice>}
      <Button kind="danger" type="submit" busy={busy}>
        Delete account
      </Button>
    </form>
  );
}
