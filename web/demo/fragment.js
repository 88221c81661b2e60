// Classic script, read before anything else is loaded: a token in the fragment leaves the address bar at once. A fragment
// is never sent to a server; the token is kept for this tab only.
(() => {
  const take = () => {
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    if (token === null) return;
    history.replaceState(history.state, "", location.pathname + location.search);
    if (!token) return;
    sessionStorage.setItem("livehead-token", token);
    dispatchEvent(new Event("livehead-token"));
  };
  take();
  addEventListener("hashchange", take);
})();
