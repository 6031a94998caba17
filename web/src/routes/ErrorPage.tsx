import { Button } from "@/ui/Button";

/** The page itself has failed: a part could not be loaded, or there is a fault in it. */
export function ErrorPage() {
  return (
    <main className="flex h-full items-center justify-center px-6 text-center">
      <div className="max-w-sm">
        <h1 className="font-semibold text-xl">The page has stopped working</h1>
        <p className="mt-2 text-muted">
          Nothing is lost: conversations and drafts are kept. Reloading usually helps.
        </p>
        <Button kind="primary" className="mt-6" onClick={() => location.reload()}>
          Reload
        </Button>
      </div>
    </main>
  );
}
