// A site whose role changes, or that is upgraded, begins anew: an open page says that it is old, and comes back as soon as the
// site answers. Blazor's own handler waits longer after each try, up to half a minute.
(() => {
  let trying = false;

  const again = async () => {
    while (trying) {
      await new Promise(done => setTimeout(done, 500));
      try {
        if (!(await fetch('healthz/live', { cache: 'no-store' })).ok)
          continue;
        // False where the site does not know this page any more.
        if (!await Blazor.reconnect())
          location.reload();
        return;
      } catch {
        // Not there yet.
      }
    }
  };

  Blazor.start({
    // Who follows a link before the page is live gets that page whole. Patched into this one, it would have lost what goes live there.
    ssr: { disableDomPreservation: true },
    circuit: {
      reconnectionHandler: {
        onConnectionDown: () => {
          document.body.classList.add('connecting');
          if (!trying) {
            trying = true;
            again();
          }
        },
        onConnectionUp: () => {
          trying = false;
          document.body.classList.remove('connecting');
        },
      },
    },
  });
})();
