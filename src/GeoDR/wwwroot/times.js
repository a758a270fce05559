// The server does not know where its viewer is: the exact time of each <time> is written in the viewer's zone, here.
(() => {
  const zone = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });

  const write = time => {
    const at = new Date(time.dateTime);
    if (isNaN(at))
      return;
    const title = `${zone.format(at)} (${at.toISOString().replace('T', ' ').slice(0, 19)} UTC)`;
    if (time.title !== title)
      time.title = title;
  };

  const all = node => {
    if (node.nodeType !== Node.ELEMENT_NODE)
      return;
    if (node.matches('time[datetime]'))
      write(node);
    node.querySelectorAll('time[datetime]').forEach(write);
  };

  new MutationObserver(changes => changes.forEach(change => change.type === 'attributes' ? write(change.target) : change.addedNodes.forEach(all)))
    .observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ['datetime'] });
  all(document.body);
})();
