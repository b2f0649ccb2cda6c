# For those who like make. Nothing depends on it: every target is one command.
.PHONY: build demo test bench fuzz golden lint
build: ; go build -trimpath -o facs ./cmd/facs
demo:  ; go run ./cmd/facs demo
test:  ; ./test.sh
bench: ; go test -run '^$$' -bench . ./...
fuzz:  ; for t in $$(go test -list Fuzz ./define/syntax | grep Fuzz); do go test -run '^$$' -fuzz "^$$t$$" -fuzztime 1m ./define/syntax; done
golden: ; go test ./internal/cli -update
lint:  ; go vet ./... && go tool -modfile=tools/go.mod staticcheck ./...
