import { api } from "./apiClient";
import { unwrap } from "./problem";

export const todoApi = {
  list: async () => (await unwrap(api.GET("/api/v1/todos"))).todos,

  add: (title: string, due_at: string | null) =>
    unwrap(api.POST("/api/v1/todos", { body: { title, ...(due_at && { due_at }) } })),

  change: (id: number, change: { title?: string; done?: boolean; due_at?: string | null }) =>
    unwrap(api.PATCH("/api/v1/todos/{id}", { params: { path: { id } }, body: change })),

  remove: (id: number) => unwrap(api.DELETE("/api/v1/todos/{id}", { params: { path: { id } } })),
};
