import { CSPProvider } from "@base-ui/react/csp-provider";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { queryClient } from "./api/queryClient";
import { restoreSession } from "./api/session";
import { prefetchMessages } from "./features/chat/ChatPage";
import { router } from "./routes/router";
import "./styles.css";
import { prefetchParts } from "./util/part";

/** Late enough to be in nobody's way. */
const PREFETCH_AFTER = 3_000;

void restoreSession();
// A link to a conversation needs the list at once; its code comes beside the messages.
if (location.pathname.startsWith("/c/")) prefetchMessages();
addEventListener("load", () => setTimeout(prefetchParts, PREFETCH_AFTER));

const container = document.getElementById("root");
if (container) {
  createRoot(container).render(
    <StrictMode>
      <CSPProvider disableStyleElements>
        <QueryClientProvider client={queryClient}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </CSPProvider>
    </StrictMode>,
  );
}
