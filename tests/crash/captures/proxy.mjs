// Between the broker and PostgreSQL: forwards bytes, and cuts every connection where it happens to be.
import net from 'node:net';

export async function startProxy(port) {
  const open = new Set();
  const server = net.createServer((client) => {
    const database = net.connect(port, '127.0.0.1');
    for (const [socket, other] of [[client, database], [database, client]]) {
      open.add(socket);
      socket.on('error', () => {});  // the end of either is the end of both
      socket.on('close', () => { open.delete(socket); other.destroy(); });
      socket.pipe(other);
    }
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const cut = () => open.forEach((socket) => socket.resetAndDestroy());
  return { port: server.address().port, cut, stop: () => { server.close(); cut(); } };
}
