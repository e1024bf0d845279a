"""An HTTPS server that does what a test wants, answer by answer.

    s = Server(context)                                  # an ssl.SSLContext, for all names
    s.plan['mta-sts.example.test', '/x'] = answer(200, 'body', 'text/plain')
    s.requests                                           # [Request(method, host, path, headers, body)]

A plan is bytes, or a function(connection, request) that may do what it likes with the connection.
"""
import collections, socketserver, ssl, threading

Request = collections.namedtuple('Request', 'method host path headers body')


def answer(status=200, body='', kind='text/plain', headers=()):
    body = body.encode() if isinstance(body, str) else body
    lines = [f'HTTP/1.1 {status} Whatever', f'Content-Type: {kind}', f'Content-Length: {len(body)}', *headers]
    return '\r\n'.join(lines).encode() + b'\r\n\r\n' + body


class Server:
    def __init__(self, context, address='127.0.0.1'):
        self.plan, self.requests, self.connections = {}, [], 0
        self.context = context
        self.closing = threading.Event()
        server = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                server.connections += 1
                try:
                    with server.context.wrap_socket(self.request, server_side=True) as c:
                        c.settimeout(20)
                        server.serve(c)
                except (OSError, ssl.SSLError, ValueError):
                    pass

        class Tcp(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 128

        self.tcp = Tcp((address, 0), Handler)
        self.port = self.tcp.server_address[1]
        threading.Thread(target=self.tcp.serve_forever, args=(0.05,), daemon=True).start()

    def serve(self, c):
        f = c.makefile('rb')
        method, path, _ = f.readline().decode().split()
        headers = {}
        while (line := f.readline().decode().strip()):
            k, _, v = line.partition(':')
            headers[k.lower()] = v.strip()
        body = f.read(int(headers.get('content-length', 0)))
        host = headers.get('host', '').partition(':')[0]
        r = Request(method, host, path, headers, body)
        self.requests.append(r)
        plan = self.plan.get((host, path), answer(404))
        if callable(plan):
            plan(c, r)
        else:
            c.sendall(plan)

    def stall(self, c, request):
        """Sends nothing, for as long as the test lasts."""
        self.closing.wait(60)

    def close(self):
        self.closing.set()
        self.tcp.shutdown()
        self.tcp.server_close()
