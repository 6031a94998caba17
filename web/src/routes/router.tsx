import { createRootRoute, createRoute, createRouter } from "@tanstack/react-router";
import { App } from "./App";
import { ErrorPage } from "./ErrorPage";

const root = createRootRoute({ component: App, notFoundComponent: () => null });
const start = createRoute({ getParentRoute: () => root, path: "/" });
const conversation = createRoute({ getParentRoute: () => root, path: "/c/$conversationId" });

export const router = createRouter({
  routeTree: root.addChildren([start, conversation]),
  defaultErrorComponent: ErrorPage,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
