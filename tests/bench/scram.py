"""A submission client that logs in by SCRAM-SHA-256 and costs little: it keeps the keys of its password, as RFC 5802 allows."""
import base64, hashlib, hmac, os, socket, threading, time


def mac(key, text):
    return hmac.digest(key, text, 'sha256')


class Login:
    def __init__(self, port, user, password):
        self.port, self.user, self.password, self.keys = port, user, password, {}

    def keys_for(self, salt, iterations):
        if (salt, iterations) not in self.keys:
            salted = hashlib.pbkdf2_hmac('sha256', self.password.encode(), base64.b64decode(salt), int(iterations))
            client = mac(salted, b'Client Key')
            self.keys[salt, iterations] = client, hashlib.sha256(client).digest(), mac(salted, b'Server Key')
        return self.keys[salt, iterations]

    def once(self):
        """Connects, logs in, and leaves. Fails unless both sides have proved it."""
        with socket.create_connection(('127.0.0.1', self.port), 30) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.expect(s, None, b'220')
            self.expect(s, b'EHLO bench.test', b'250')
            bare = f'n={self.user},r={base64.b64encode(os.urandom(12)).decode()}'
            said = self.expect(s, b'AUTH SCRAM-SHA-256 ' + base64.b64encode(b'n,,' + bare.encode()), b'334')
            server = base64.b64decode(said).decode()
            nonce, salt, iterations = (f[2:] for f in server.split(','))
            client, stored, server_key = self.keys_for(salt, iterations)
            without = f'c=biws,r={nonce}'
            message = f'{bare},{server},{without}'.encode()
            proof = bytes(a ^ b for a, b in zip(client, mac(stored, message)))
            final = f'{without},p={base64.b64encode(proof).decode()}'
            said = self.expect(s, base64.b64encode(final.encode()), b'334')
            if base64.b64decode(said) != b'v=' + base64.b64encode(mac(server_key, message)):
                raise RuntimeError('SCRAM: the server has not proved that it knows the password')
            self.expect(s, b'', b'235')
            self.expect(s, b'QUIT', b'221')

    def expect(self, s, line, code):
        """The text of the last line of the answer."""
        if line is not None:
            s.sendall(line + b'\r\n')
        got = b''
        while not got.endswith(b'\n') or got[got.rfind(b'\n', 0, -1) + 4:][:1] == b'-':
            part = s.recv(65536)
            if not part:
                raise RuntimeError(f'SCRAM: closed after {line}')
            got += part
        last = got[got.rfind(b'\n', 0, -1) + 1:].rstrip()
        if not last.startswith(code):
            raise RuntimeError(f'SCRAM: {last.decode(errors="replace")}')
        return last[4:]


def logins(login, clients, stop, pace=None):
    """Logs in over and over, or `pace` times per second, until stop is set; how many were done per second."""
    done, failures, began = [0] * clients, [], time.monotonic()

    def work(i):
        try:
            while not stop.is_set():
                login.once()
                done[i] += 1
                if pace:  # ahead of its time it waits, behind it hurries
                    stop.wait(max(0, began + done[i] * clients / pace - time.monotonic()))
        except (OSError, RuntimeError) as e:
            failures.append(e)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(clients)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failures:
        raise failures[0]
    return sum(done) / (time.monotonic() - began)
