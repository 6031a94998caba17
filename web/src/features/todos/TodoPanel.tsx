import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { errorText } from "@/api/problem";
import { keys, queryClient } from "@/api/queryClient";
import { todoApi } from "@/api/todoApi";
import type { Todo } from "@/api/types";
import { Button, IconButton } from "@/ui/Button";
import { cx } from "@/ui/cx";
import { CalendarIcon, CloseIcon, PlusIcon, TrashIcon } from "@/ui/icons";
import { Notice } from "@/ui/Notice";
import { useSubmit } from "@/ui/useSubmit";
import { dateField, exactTime, fromDateField, isWholeDay } from "@/util/time";

const reload = () => queryClient.invalidateQueries({ queryKey: keys.todos });

interface Change {
  id: number;
  done?: boolean;
  due_at?: string | null;
}

/** The todos that the assistant and the user share. */
export default function TodoPanel({ onClose }: { onClose: () => void }) {
  const list = useQuery({ queryKey: keys.todos, queryFn: todoApi.list });
  const change = useMutation({
    mutationFn: ({ id, ...fields }: Change) => todoApi.change(id, fields),
    onMutate: ({ id, ...fields }) =>
      queryClient.setQueryData<Todo[]>(keys.todos, (todos) =>
        todos?.map((todo) => (todo.id === id ? { ...todo, ...fields } : todo)),
      ),
    onSettled: reload,
  });
  const remove = useMutation({ mutationFn: todoApi.remove, onSettled: reload });
  const todos = list.data ?? [];
  const open = todos.filter(({ done }) => !done);
  const done = todos.filter((todo) => todo.done);
  const problem = list.error ?? change.error ?? remove.error;

  const items = (shown: Todo[]) =>
    shown.map((todo) => (
      <Item
        key={todo.id}
        todo={todo}
        onToggle={() => change.mutate({ id: todo.id, done: !todo.done })}
        onDue={(due_at) => change.mutate({ id: todo.id, due_at })}
        onRemove={() => remove.mutate(todo.id)}
      />
    ));

  return (
    <aside aria-label="Todos" className="flex h-full min-h-0 w-full flex-col">
      <div className="flex h-13 shrink-0 items-center justify-between ps-5 pe-3">
        <h2 className="font-medium">Todos</h2>
        <IconButton label="Close todos" onClick={onClose}>
          <CloseIcon width={18} height={18} />
        </IconButton>
      </div>
      <div className="min-h-0 flex-1 overflow-y-auto px-3 pb-4">
        {problem && <Notice tone="danger">{errorText(problem)}</Notice>}
        <AddTodo />
        {list.isSuccess && todos.length === 0 && (
          <p className="px-2 py-4 text-muted text-sm">
            Nothing to do. The assistant can add todos as well: just ask.
          </p>
        )}
        <ul className="mt-2">{items(open)}</ul>
        {done.length > 0 && (
          <>
            <h3 className="px-2 pt-4 pb-1 font-medium text-muted text-sm">Done</h3>
            <ul>{items(done)}</ul>
          </>
        )}
      </div>
    </aside>
  );
}

function AddTodo() {
  const { busy, onSubmit, message } = useSubmit(async ({ title = "", due_at = "" }) => {
    if (title.trim() === "") return;
    await todoApi.add(title.trim(), fromDateField(due_at));
    await reload();
  });
  return (
    <form onSubmit={onSubmit} className="grid grid-cols-[minmax(0,1fr)_auto] gap-1.5 px-2">
      <input
        name="title"
        aria-label="New todo"
        placeholder="Add a todo"
        autoComplete="off"
        dir="auto"
        maxLength={500}
        className="h-9 min-w-0 rounded-control border border-control bg-raised px-2.5 text-sm touch:h-10"
      />
      <Button type="submit" busy={busy} aria-label="Add todo" className="w-9 px-0!">
        <PlusIcon width={18} height={18} />
      </Button>
      <label className="flex items-center gap-2 text-muted text-sm">
        Due
        <input type="date" name="due_at" className={DATE} />
      </label>
      {message && (
        <p role="alert" className="col-span-full text-danger text-sm">
          {message}
        </p>
      )}
    </form>
  );
}

const DATE = "h-8 min-w-0 rounded-control border border-control bg-raised px-2 text-sm text-text touch:h-10";

function Item({
  todo,
  onToggle,
  onDue,
  onRemove,
}: {
  todo: Todo;
  onToggle: () => void;
  onDue: (due: string | null) => void;
  onRemove: () => void;
}) {
  const [dating, setDating] = useState(false);
  return (
    <li className="group/todo flex min-h-10 items-start gap-2 rounded-control px-2 hover:bg-hover">
      <label className="flex min-w-0 flex-1 items-start gap-2.5 py-2 text-sm">
        <input
          type="checkbox"
          checked={todo.done}
          onChange={onToggle}
          className="mt-0.5 size-4 shrink-0 accent-accent"
        />
        <span className="min-w-0">
          <span dir="auto" className={cx("[overflow-wrap:anywhere]", todo.done && "text-muted line-through")}>
            {todo.title}
          </span>
          {todo.due_at && <Due iso={todo.due_at} done={todo.done} />}
        </span>
      </label>
      {dating && (
        <input
          type="date"
          aria-label={`Due date of ${todo.title}`}
          // biome-ignore lint/a11y/noAutofocus: it was asked for by the button that it replaces
          autoFocus
          defaultValue={dateField(todo.due_at)}
          onKeyDown={({ key }) => key === "Enter" && setDating(false)}
          onBlur={({ target }) => {
            setDating(false);
            const due = fromDateField(target.value, todo.due_at);
            if (target.validity.valid && due !== todo.due_at) onDue(due);
          }}
          className={cx(DATE, "my-1 w-36 shrink-0")}
        />
      )}
      {!dating && (
        <span className="my-1 flex opacity-0 focus-within:opacity-100 group-hover/todo:opacity-100 touch:my-0 touch:opacity-100">
          <IconButton label={`Change the date of ${todo.title}`} onClick={() => setDating(true)}>
            <CalendarIcon width={16} height={16} />
          </IconButton>
          <IconButton label={`Delete todo ${todo.title}`} onClick={onRemove}>
            <TrashIcon width={16} height={16} />
          </IconButton>
        </span>
      )}
    </li>
  );
}

const DAY = 86_400_000;

function Due({ iso, done }: { iso: string; done: boolean }) {
  const wholeDay = isWholeDay(iso);
  const late = !done && Date.parse(iso) + (wholeDay ? DAY : 0) < Date.now();
  const date = new Date(iso).toLocaleString("en", {
    weekday: "short",
    day: "numeric",
    month: "short",
    ...(!wholeDay && { hour: "numeric", minute: "2-digit" }),
  });
  return (
    <time dateTime={iso} title={exactTime(iso)} className={cx("block", late ? "text-danger" : "text-muted")}>
      {late ? "Was due" : "Due"} {date}
    </time>
  );
}
