// New rows appear at the top of the list of transactions. Without this script the page is the same, and is loaded again for news.
const body = document.querySelector('table[data-live] tbody');
const bar = document.querySelector('.live');
if (body && bar && 'EventSource' in window) {
  const said = bar.querySelector('span');
  const button = bar.querySelector('button');
  const MOST = 200;
  let source = null;
  let count = 0;
  const begin = () => {
    source = new EventSource(bar.dataset.from);
    said.textContent = 'Live: new transactions appear here.';
    button.textContent = 'Pause';
    source.addEventListener('rows', (event) => {
      // The server wrote these rows, escaped as on the page itself.
      const rows = document.createElement('template');
      rows.innerHTML = event.data;
      count += rows.content.childElementCount;
      body.prepend(rows.content);
      while (body.childElementCount > MOST) body.lastElementChild.remove();
      said.textContent = count === 1 ? 'Live: one new transaction.' : `Live: ${count} new transactions.`;
    });
    source.addEventListener('error', () => {
      if (source && source.readyState === EventSource.CLOSED) {
        said.textContent = 'Not live any more: load the page again.';
        button.hidden = true;
      }
    });
  };
  button.addEventListener('click', () => {
    if (source) {
      source.close();
      source = null;
      said.textContent = 'Paused. Nothing is missed: what came meanwhile appears when you go on.';
      button.textContent = 'Go on';
    } else {
      location.reload();
    }
  });
  bar.hidden = false;
  begin();
}
