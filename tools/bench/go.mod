module github.com/cis490/profiles/tools/bench

go 1.26.0
