#!/usr/bin/env python3
"""Makes documentation.json.gz and protobuf.txt.gz from the Go modules k8s.io/api and k8s.io/apimachinery (Apache-2.0).

  generate.py MODULE_CACHE VERSION        for example: generate.py "$(go env GOMODCACHE)" v0.36.3

documentation.json.gz  {definition: {"": text, field: text}} for every definition in definitions.json.gz
protobuf.txt.gz        the wire format: a line per message, then a line per field:
                       " NUMBER NAME TYPE"; NAME is ~ for a Go embedded struct (its members are the outer one's);
                       TYPE is a scalar or a message, after * for a list and % for a map with text keys
"""
import gzip, json, os, re, sys

SCALARS = {'string', 'bool', 'int32', 'int64', 'uint32', 'uint64', 'double', 'bytes'}


def packages(cache, version):
    for module in ('api', 'apimachinery'):
        root = os.path.join(cache, 'k8s.io', f'{module}@{version}')
        for folder, _, files in os.walk(root):
            package = 'k8s.io/' + module + folder[len(root):]
            yield '.'.join(['io', 'k8s'] + package.split('/')[1:]), folder, files


def documentation(folder, files):
    out = {}
    for name in files:
        if name != 'types_swagger_doc_generated.go':
            continue
        text = open(os.path.join(folder, name)).read()
        for kind, body in re.findall(r'var map_(\w+) = map\[string\]string\{\n(.*?)\n\}\n', text, re.S):
            out[kind] = {k: json.loads(f'"{v}"') for k, v in re.findall(r'^\t"(\w*)":\s*"((?:[^"\\]|\\.)*)",$', body, re.M)}
    return out


def messages(folder):
    path = os.path.join(folder, 'generated.proto')
    if not os.path.exists(path):
        return
    text = re.sub(r'//.*', '', open(path).read())
    package = re.search(r'^package ([\w.]+);', text, re.M).group(1)
    for name, body in re.findall(r'^message (\w+) \{(.*?)^\}', text, re.S | re.M):
        fields = []
        for label, kind, field, number in re.findall(r'^\s*(optional|repeated|map)?\s*(<\s*string\s*,\s*[\w.]+\s*>|\.?[\w.]+)\s+(\w+) = (\d+)', body, re.M):
            mark = {'repeated': '*', 'map': '%'}.get(label, '')
            if mark == '%':
                kind = kind.strip('<> ').split(',')[1].strip()
            kind = kind.lstrip('.')
            if kind not in SCALARS:
                kind = definition(kind if '.' in kind else f'{package}.{kind}')
            fields.append((int(number), field, mark + kind))
        yield definition(f'{package}.{name}'), fields


def definition(proto):
    return 'io.' + proto.replace('k8s.io.', 'k8s.', 1)


def json_name(field, kind, own):
    if field in own:
        return field
    alike = [f for f in own if f.lower() == field.lower()]
    if alike:
        return alike[0]
    return field if kind in SCALARS or kind[0] in '*%' else '~'


def reachable(known, roots):
    seen, todo = set(), list(roots)
    while todo:
        name = todo.pop()
        if name in seen or name not in known:
            continue
        seen.add(name)
        todo += [t.lstrip('*%') for _, _, t in known[name]]
    return seen


def write(path, data):
    with open(path, 'wb') as out, gzip.GzipFile('', 'wb', 9, out, 0) as zipped:
        zipped.write(data.encode())


def main():
    cache, version = sys.argv[1:]
    here = os.path.dirname(os.path.abspath(__file__))
    definitions = json.load(gzip.open(os.path.join(here, 'definitions.json.gz')))
    docs, wire = {}, {}
    for package, folder, files in packages(cache, version):
        for kind, texts in documentation(folder, files).items():
            if f'{package}.{kind}' in definitions:
                docs[f'{package}.{kind}'] = texts
        wire.update(messages(folder))
    for name, fields in wire.items():
        own = definitions.get(name, {}).get('properties')
        if own is not None:
            wire[name] = [(n, json_name(f, t, own), t) for n, f, t in fields]
    lines = []
    for name in sorted(reachable(wire, [d for d in definitions if d in wire])):
        lines.append(name)
        lines += [f' {n} {f} {t}' for n, f, t in wire[name]]
    write(os.path.join(here, 'documentation.json.gz'), json.dumps(docs, sort_keys=True, ensure_ascii=False))
    write(os.path.join(here, 'protobuf.txt.gz'), '\n'.join(lines) + '\n')


if __name__ == '__main__':
    main()
