import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { adminApi } from "@/api/adminApi";
import { errorText } from "@/api/problem";
import { keys, queryClient } from "@/api/queryClient";
import type { AdminUser, User } from "@/api/types";
import { Button, IconButton } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Field, SelectField } from "@/ui/Field";
import { MoreIcon } from "@/ui/icons";
import { Menu } from "@/ui/Menu";
import { Notice } from "@/ui/Notice";
import { useSubmit } from "@/ui/useSubmit";

const reload = () => queryClient.invalidateQueries({ queryKey: keys.users });

/** Accounts of this server, for its admins. */
export default function UsersDialog({ user, onClose }: { user: User; onClose: () => void }) {
  const [adding, setAdding] = useState(false);
  return (
    <Dialog onClose={onClose} title={adding ? "Add a user" : "Users"} wide>
      {adding ? (
        <AddUser onDone={() => setAdding(false)} />
      ) : (
        <UserList self={user} onAdd={() => setAdding(true)} />
      )}
    </Dialog>
  );
}

function UserList({ self, onAdd }: { self: User; onAdd: () => void }) {
  const list = useQuery({ queryKey: keys.users, queryFn: adminApi.users, staleTime: 0 });
  const change = useMutation({
    mutationFn: ({ id, ...rest }: { id: number; role?: "admin" | "user"; disabled?: boolean }) =>
      adminApi.changeUser(id, rest),
    onSettled: reload,
  });
  const problem = list.error ?? change.error;
  return (
    <>
      {problem && <Notice tone="danger">{errorText(problem)}</Notice>}
      <ul className="min-h-40 divide-y divide-line">
        {list.data?.map((user) => (
          <UserRow
            key={user.id}
            user={user}
            isSelf={user.id === self.id}
            onChange={(next) => change.mutate({ id: user.id, ...next })}
          />
        ))}
      </ul>
      <Button kind="primary" className="mt-4" onClick={onAdd}>
        Add a user
      </Button>
    </>
  );
}

function UserRow({
  user,
  isSelf,
  onChange,
}: {
  user: AdminUser;
  isSelf: boolean;
  onChange: (change: { role?: "admin" | "user"; disabled?: boolean }) => void;
}) {
  const marks = [isSelf && "you", user.role === "admin" && "admin", user.disabled && "disabled"].filter(
    Boolean,
  );
  return (
    <li className="flex items-center gap-3 py-3">
      <div className="min-w-0 flex-1">
        <p className="truncate" dir="auto">
          {user.full_name || user.email}
          {marks.length > 0 && <span className="text-muted text-sm"> ({marks.join(", ")})</span>}
        </p>
        <p className="truncate text-muted text-sm">{user.email}</p>
      </div>
      <Menu
        align="end"
        trigger={
          <IconButton label={`Change ${user.email}`}>
            <MoreIcon strokeWidth={2.4} />
          </IconButton>
        }
        entries={() => [
          {
            kind: "item",
            label: user.role === "admin" ? "Make an ordinary user" : "Make an admin",
            onSelect: () => onChange({ role: user.role === "admin" ? "user" : "admin" }),
          },
          {
            kind: "item",
            label: user.disabled ? "Enable account" : "Disable account",
            danger: !user.disabled,
            onSelect: () => onChange({ disabled: !user.disabled }),
          },
        ]}
      />
    </li>
  );
}

function AddUser({ onDone }: { onDone: () => void }) {
  const { busy, onSubmit, fieldError, message } = useSubmit(
    async ({ email = "", password = "", full_name = "", role }) => {
      await adminApi.addUser({ email, password, full_name, role: role === "admin" ? "admin" : "user" });
      await reload();
      onDone();
    },
  );
  return (
    <form onSubmit={onSubmit} className="max-w-sm space-y-4">
      <Field label="Full name" name="full_name" required autoComplete="off" error={fieldError("full_name")} />
      <Field
        label="Email"
        name="email"
        type="email"
        required
        autoComplete="off"
        error={fieldError("email")}
      />
      <Field
        label="First password"
        name="password"
        type="password"
        required
        autoComplete="new-password"
        hint="Tell it to the person; they can change it under Account."
        error={fieldError("password")}
      />
      <SelectField label="Role" name="role" defaultValue="user">
        <option value="user">User</option>
        <option value="admin">Admin</option>
      </SelectField>
      {message && <Notice tone="danger">{message}</Notice>}
      <div className="flex gap-2">
        <Button kind="primary" type="submit" busy={busy}>
          Add user
        </Button>
        <Button onClick={onDone}>Cancel</Button>
      </div>
    </form>
  );
}
