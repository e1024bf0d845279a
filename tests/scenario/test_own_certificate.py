"""The certificate that deliver-remote shows to servers that ask for one; its key is in services/keys."""
import pathlib, shutil, smtplib, ssl, sys, tempfile
import pytest
import conftest
from smtp_fault_server import FaultServer

sys.path.insert(0, str(conftest.TESTS))
from certificates import Authority

SENDER = 'user1@example.test'


class World:
    """Servers that ask for a certificate, want one, do not ask, and ask where it cannot be shown."""

    def __init__(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix='thurn-own-'))
        self.top.chmod(0o755)
        self.ca = Authority(self.top / 'ca')
        self.pairs = {kind: self.ca.issue(kind, [f'{kind}.client.test'], kind=kind) for kind in ('ec', 'rsa')}
        pair = self.ca.issue('server', ['127.0.0.1'])
        modes = {'asks': ssl.CERT_OPTIONAL, 'wants': ssl.CERT_REQUIRED, 'not': ssl.CERT_NONE, 'old': ssl.CERT_OPTIONAL}
        self.servers = {}
        for name, mode in modes.items():
            c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            c.load_cert_chain(*map(str, pair))
            c.load_verify_locations(self.ca.path)
            c.verify_mode = mode
            if name == 'old':
                c.maximum_version = ssl.TLSVersion.TLSv1_2
            self.servers[name] = FaultServer(tls=c)

    def conf(self, kind):
        routes = ', '.join(f'{k}.test=smtp:{s.hop}' for k, s in self.servers.items())
        ports = ', '.join(str(s.port) for s in self.servers.values())
        certificate, key = self.pairs[kind]
        return f'''
certificate client {{ certificate = "{certificate}" key = "{key}" }}
remote_client_certificate = client
remote_tls = encrypt
remote_ports = {{{ports}}}
remote_idle_time = 0s
transport_maps = {{"inline:{{{routes}}}"}}
'''

    def close(self):
        for s in self.servers.values():
            s.close()
            assert s.faults == []
        shutil.rmtree(self.top)


@pytest.fixture(scope='module')
def world():
    w = World()
    yield w
    w.close()


def send(suite, world, to, subject):
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
        s.sendmail(SENDER, [f'them@{to}.test'], f'Subject: {subject}\r\n\r\nbody\r\n')
    mark = f'Subject: {subject}\r\n'.encode()
    m = suite.wait_for(lambda: [m for m in world.servers[to].messages if mark in m.data], 60)[0]
    return dict(x[0] for x in m.certificate['subject'])['commonName'] if m.certificate else None


@pytest.mark.parametrize('kind', ['ec', 'rsa'])
def test_shown(world, kind):
    with conftest.running(conf=world.conf(kind)) as suite:
        suite.wait_event('remote-certificate')
        for i in range(2):  # the second time a session is resumed
            assert send(suite, world, 'asks', f'{kind} asks {i}') == f'{kind}.client.test'
        assert send(suite, world, 'wants', f'{kind} wants') == f'{kind}.client.test'
        assert send(suite, world, 'not', f'{kind} not') is None
        # in TLS 1.2 it would be in clear text: the server hears that there is none
        assert send(suite, world, 'old', f'{kind} old') is None
        if kind == 'rsa':
            return
        # from the next connection on there is none
        settings = pathlib.Path(suite.conf)
        settings.write_text(settings.read_text().replace('remote_client_certificate = client', ''))
        suite.tool('reload')
        suite.wait_for(lambda: send(suite, world, 'asks', f'asks {len(world.servers["asks"].messages)}') is None, 60)
        # and a section that there is not is a fault
        good = settings.read_text()
        settings.write_text(good + 'remote_client_certificate = nobody\n')
        assert 'there is no certificate section "nobody"' in suite.tool('config', 'check', check=False).stderr
        settings.write_text(good)
