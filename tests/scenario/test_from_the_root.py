"""The resolver without a forwarder: from the addresses of the root servers through delegations, in a network namespace
that has all of them. (Below .post, because the resolver answers for .test itself.)"""
import json, os, subprocess, sys
import pytest
import conftest
from dns_server import Zones

ROOTS = '''198.41.0.4 199.9.14.201 170.247.170.2 192.33.4.12 199.7.91.13 192.203.230.10 192.5.5.241 192.112.36.4 198.97.190.53
192.36.148.17 192.58.128.30 193.0.14.129 199.7.83.42 202.12.27.33'''.split()  # as libunbound knows them by heart
PARENT, CHILD, NOBODY = '192.0.2.53', '192.0.2.54', '192.0.2.99'
POST = {'mail': 'MX 10 mx', 'mx': 'A 192.0.2.1', 'forged': 'A 192.0.2.66',
        'island': 'NS ns.island', 'ns.island': f'A {CHILD}', 'lost': 'NS ns.lost', 'ns.lost': f'A {NOBODY}'}
ISLAND = {'@': 'MX 10 mx', 'mx': 'A 192.0.2.2'}
ANSWERS = {
    ('mail.post', 'MX'): ('ok', 'secure'), ('mx.post', 'A'): ('ok', 'secure'), ('forged.post', 'A'): ('bogus', 'bogus'),
    ('island.post', 'MX'): ('ok', 'insecure'), ('mx.island.post', 'A'): ('ok', 'insecure'),
    ('none.post', 'A'): ('nxdomain', 'secure'), ('nothing', 'A'): ('nxdomain', 'secure'), ('a.lost.post', 'A'): ('temporary', 'indeterminate')}


def inside():
    """In the namespace: prints what the suite makes of each question."""
    for address in (*ROOTS, PARENT, CHILD):
        subprocess.run(['ip', 'address', 'add', f'{address}/32', 'dev', 'lo'], check=True)
    subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
    forge = {'post': lambda text: text.replace('192.0.2.66', '192.0.2.67')}
    with Zones({'post': POST}, signed=['post'], tamper=forge, addresses=[PARENT]) as post, \
            Zones({'island.post': ISLAND}, addresses=[CHILD]):
        signed = [ds[ds.index('DS '):] for ds in post.ds['post']]
        root = {'@': 'NS a.root-servers.net.', 'a.root-servers.net.': f'A {ROOTS[0]}',
                'post.': ['NS ns.parent.post.', *signed], 'ns.parent.post.': f'A {PARENT}'}
        with Zones({'.': root}, signed=['.'], addresses=ROOTS) as top:
            with conftest.running(conf=f'dns_trust_anchors = {{"{top.ds["."][0]}"}}\ndns_timeout = 5s\n') as s:
                for question in ANSWERS:
                    print(s.tool('explain', 'dns', '--json', *question, check=False).stdout.strip())


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root')
def test_answers():
    r = subprocess.run(['unshare', '--net', '--mount', sys.executable, __file__], capture_output=True, text=True, timeout=120,
                       env=dict(os.environ, PYTHONPATH=str(conftest.TESTS)))
    assert r.returncode == 0, r.stderr
    answers = {(a['name'], a['type']): (a['status'], a['security']) for a in map(json.loads, r.stdout.splitlines())}
    assert answers == ANSWERS


if __name__ == '__main__':
    inside()
