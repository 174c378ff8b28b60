// Socket.IO beside Slotcast: a room is an object, `set` goes to all who are in the room, the sender included.
//     node socket_io.js PORT FOLDER      FOLDER: where node_modules is
const http = require("node:http");
const [port, folder] = process.argv.slice(2);
const { Server } = require(require.resolve("socket.io", { paths: [folder] }));

const server = http.createServer();
const io = new Server(server, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });
io.on("connection", (socket) => {
  let room;
  socket.on("use", (object, answer) => {
    room = object;
    socket.join(room);
    answer();
  });
  socket.on("set", (value) => io.to(room).emit("set", value));
  socket.on("ping", (answer) => answer());
});
server.listen(Number(port), "127.0.0.1", 4096);
