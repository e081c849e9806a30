#!/bin/sh
# "licences.sh FILE PACKAGE..." writes the licences of everything that is compiled into the packages' programs: those
# of Go and of each module, also those of single folders of a module. It fails if a module has none.
set -eu
cd "$(dirname "$0")/.."
out=$1
shift
tab=$(printf '\t')

# A line for each package of another module: module, version, the module's folder, the package's folder.
packages=$(go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}}{{"\t"}}{{.Version}}{{"\t"}}{{.Dir}}{{"\t"}}{{$.Dir}}{{end}}{{end}}' "$@")

# folders adds a line for each folder between the package's and the module's.
folders() {
	while IFS=$tab read -r module version top folder; do
		[ -n "$module" ] || continue
		while [ "$folder" != "$top" ]; do
			printf '%s\t%s\t%s\t%s\n' "$module" "$version" "$top" "$folder"
			folder=${folder%/*}
		done
		printf '%s\t%s\t%s\t%s\n' "$module" "$version" "$top" "$top"
	done | sort -u
}

{
	echo "Licences of the software of others that is compiled in."
	printf '\n==== %s\n\n' "$(go env GOVERSION)"
	cat "$(go env GOROOT)/LICENSE"
	echo "$packages" | folders | while IFS=$tab read -r module version top folder; do
		found=
		for file in "$folder"/LICENSE* "$folder"/LICENCE* "$folder"/COPYING* "$folder"/NOTICE*; do
			[ -f "$file" ] || continue
			found=1
			printf '\n==== %s %s: %s\n\n' "$module" "$version" "${file#"$top"/}"
			cat "$file"
		done
		[ "$found" ] || [ "$folder" != "$top" ] || { echo "$module has no licence file" >&2; exit 1; }
	done
} >"$out.part"
mv "$out.part" "$out"
