import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { http } from "msw";
import { describe, expect, it } from "vitest";
import { at } from "@/api/testData";
import { open, problem, server, state, withApp } from "./appHarness";

withApp();

describe("before signing in", () => {
  it("a new server asks for its first account, with the setup code, and lets it in", async () => {
    state.firstStart = true;
    await open();
    await screen.findByRole("heading", { name: "Create the admin account" });
    await userEvent.type(screen.getByLabelText("Full name"), "Ada");
    await userEvent.type(screen.getByLabelText("Email"), "ada@example.org");
    await userEvent.type(screen.getByLabelText("Password"), "correct horse");
    const code = screen.getByLabelText("Setup code");
    // As the server prints it: what to look for.
    const hint = document.getElementById(code.getAttribute("aria-describedby") ?? "")?.textContent;
    expect(hint).toContain("“setup code for the first account: …”");
    await userEvent.type(code, "1234");
    await userEvent.click(screen.getByRole("button", { name: "Create account" }));
    await screen.findByRole("textbox", { name: "Message" });
    expect(state.registered).toEqual([
      { email: "ada@example.org", password: "correct horse", full_name: "Ada", setup_code: "1234" },
    ]);
  });

  it("says beside the field what is wrong with it, and keeps what was typed", async () => {
    state.firstStart = true;
    server.use(
      http.post(at("/auth/register"), () =>
        problem(422, "Some values are not valid.", [
          { pointer: "/password", message: "Use at least 8 characters." },
        ]),
      ),
    );
    await open();
    await userEvent.type(await screen.findByLabelText("Full name"), "Ada");
    await userEvent.type(screen.getByLabelText("Email"), "ada@example.org");
    await userEvent.type(screen.getByLabelText("Password"), "short");
    await userEvent.type(screen.getByLabelText("Setup code"), "1234");
    await userEvent.click(screen.getByRole("button", { name: "Create account" }));
    const field = await screen.findByRole("textbox", { name: "Email" });
    await screen.findByText("Use at least 8 characters.");
    expect(screen.getByLabelText("Password").getAttribute("aria-invalid")).toBe("true");
    expect((field as HTMLInputElement).value).toBe("ada@example.org");
    expect(screen.queryByText("Some values are not valid.")).toBeNull();
  });

  it("a wrong password gets the server's words, and the right one goes on", async () => {
    await open();
    await screen.findByRole("heading", { name: "Sign in" });
    expect(screen.getByText("rejoinder user passwd EMAIL")).toBeDefined();
    await userEvent.type(screen.getByLabelText("Email"), "ada@example.org");
    await userEvent.type(screen.getByLabelText("Password"), "wrong");
    await userEvent.click(screen.getByRole("button", { name: "Sign in" }));
    expect((await screen.findByRole("alert")).textContent).toBe("The e-mail or the password is wrong.");
    await userEvent.clear(screen.getByLabelText("Password"));
    await userEvent.type(screen.getByLabelText("Password"), "correct horse{enter}");
    await screen.findByRole("textbox", { name: "Message" });
  });
});
