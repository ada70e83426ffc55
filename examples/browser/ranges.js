// A file in pieces by HTTP range requests, one after another; as one piece where the server has no ranges.
//
// `traffic` counts: nbytes of bodies, requests, and whether they were ranges.

export async function* ranges(url, nbytes, traffic) {
  for (let start = 0, total = Infinity; start < total; ) {
    const end = Math.min(start + nbytes, total) - 1;
    const response = await fetch(url, { headers: { Range: `bytes=${start}-${end}` } });
    traffic.requests++;
    if (response.status !== 206) {
      if (!response.ok) throw new Error(`${url}: HTTP status ${response.status}`);
      if (start) throw new Error(`${url}: the server stopped giving ranges`);
      traffic.ranged = false;
      const whole = new Uint8Array(await response.arrayBuffer());
      traffic.nbytes += whole.length;
      yield whole;
      return;
    }
    total = Number(/\/(\d+)$/.exec(response.headers.get("Content-Range") ?? "")?.[1]);
    const piece = new Uint8Array(await response.arrayBuffer());
    if (!(total > 0) || piece.length === 0) throw new Error(`${url}: a range without bytes or total`);
    start += piece.length;
    traffic.nbytes += piece.length;
    yield piece;
  }
}
