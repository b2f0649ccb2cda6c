package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/example/shop"
	"facsimile.dev/facsimile/internal/ui"
)

const (
	demoInstance = "beta"
	demoNode     = "fe1"
	demoFile     = "etc/gateway.conf"
)

func (d *demo) layOut(ctx context.Context) error {
	if err := shop.LayOut(d.dir); err != nil {
		return facsimile.Errorf(facsimile.Refused, "cannot lay out the example: %w", err)
	}
	moved, err := d.choosePorts()
	if err != nil {
		return err
	}
	if err := shop.Init(ctx, d.dir); err != nil {
		return facsimile.Errorf(facsimile.Refused, "cannot lay out the example: %w", err)
	}
	d.prompt("", "ls "+d.dir)
	for _, r := range shop.Repositories() {
		what := "the definition"
		if r.Tag != "" {
			what = "source, tagged " + r.Tag
		}
		d.line("%-9s %s", r.Name+"/", what)
	}
	if moved {
		d.remark(fmt.Sprintf("Port 8080 or another that beta wants is taken on this machine, so define/%s.yaml got others.", demoInstance))
	}
	return nil
}

// betaModules is how the example's beta sizes the api; choosePorts writes ports beside it.
const betaModules = "  api: {service: {n_instances: 3}}\n"

// choosePorts keeps the ports of the example where they are free, and writes free ones into beta where
// one is not.
func (d *demo) choosePorts() (moved bool, err error) {
	d.port = 8080
	if free(8080, 8000, 8001, 8002, 8100) {
		return false, nil
	}
	base := 18000
	for ; !free(base+80, base, base+1, base+2, base+100); base += 1000 {
		if base > 60000 {
			return false, facsimile.Errorf(facsimile.Refused, "cannot find free ports on this machine for the five services of the demonstration")
		}
	}
	d.port = base + 80
	file := filepath.Join(d.definition(), "define", demoInstance+".yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		return false, err
	}
	with := fmt.Sprintf("  api: {service: {n_instances: 3, port: %d}}\n  worker: {service: {port: %d}}\n  gateway: {service: {port: %d}}\n",
		base, base+100, base+80)
	if !strings.Contains(string(text), betaModules) {
		return false, fmt.Errorf("the example's %s has no line %q to write ports to", file, betaModules)
	}
	return true, os.WriteFile(file, []byte(strings.Replace(string(text), betaModules, with, 1)), 0o644)
}

func free(ports ...int) bool {
	for _, port := range ports {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		_ = l.Close() // it never accepted anything
	}
	return true
}

func (d *demo) check(ctx context.Context) error { return d.facs(ctx, facsimile.Done, "check") }

func (d *demo) deploy(ctx context.Context) error {
	return d.facs(ctx, facsimile.Done, "deploy", demoInstance, "--why", "the first release")
}

func (d *demo) up(ctx context.Context) error {
	return d.facs(ctx, facsimile.Done, "up", demoInstance, "--detach")
}

// call asks the gateway until every replica of the api has answered, and for as many answers as there are
// replicas twice over.
func (d *demo) call(ctx context.Context) error {
	const replicas, most = 3, 30
	url := fmt.Sprintf("http://127.0.0.1:%d/orders", d.port)
	d.prompt("", "curl -s "+url)
	answered := map[int]int{}
	for i := 0; i < most && (i < 2*replicas || len(answered) < replicas); i++ {
		reply, uiid, err := ask(ctx, url)
		if err != nil {
			return facsimile.Errorf(facsimile.RolledBack, "the gateway of %s does not answer: %w", demoInstance, err)
		}
		answered[uiid]++
		d.line("%s", reply)
	}
	if len(answered) < replicas {
		return facsimile.Errorf(facsimile.RolledBack, "only %d of %d replicas answered in %d calls", len(answered), replicas, most)
	}
	var counts []string
	for uiid, n := range answered {
		counts = append(counts, fmt.Sprintf("uiid %d: %s", uiid, ui.Count(n, "answer")))
	}
	slices.Sort(counts)
	d.remark("Every replica answered. " + strings.Join(counts, ", ") + ".")
	return nil
}

// ask gives what the shop answers, in one line, and the uiid of the replica that did.
func ask(ctx context.Context, url string) (reply string, uiid int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", 0, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return "", 0, err
	}
	var from struct {
		UIID int `json:"uiid"`
	}
	if err := json.Unmarshal(body, &from); err != nil || response.StatusCode != http.StatusOK {
		return "", 0, fmt.Errorf("it answers %s", response.Status)
	}
	return strings.TrimSpace(string(body)), from.UIID, nil
}

func (d *demo) verify(ctx context.Context) error {
	return d.facs(ctx, facsimile.Done, "verify", demoInstance)
}

func (d *demo) damage(ctx context.Context) error {
	file := filepath.Join("run", demoInstance, demoNode, "current", filepath.FromSlash(demoFile))
	d.prompt(shop.Definition, "printf ' ' >> "+filepath.ToSlash(file))
	if err := appendBlank(filepath.Join(d.definition(), file)); err != nil {
		return facsimile.Errorf(facsimile.RolledBack, "cannot damage %s: %w", file, err)
	}
	if err := d.facs(ctx, facsimile.AnswerIsNo, "verify", demoInstance); err != nil {
		return err
	}
	d.remark("The exit status is 1: it ran, and the answer is no.")
	return nil
}

// appendBlank writes one blank to the end of a file, which may be read-only, and keeps its mode.
func appendBlank(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if err := os.Chmod(file, info.Mode().Perm()|0o200); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(" "); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Chmod(file, info.Mode().Perm())
}

func (d *demo) mend(ctx context.Context) error {
	if err := d.facs(ctx, facsimile.Done, "deploy", demoInstance, "--why", "mend "+demoNode); err != nil {
		return err
	}
	return d.facs(ctx, facsimile.Done, "verify", demoInstance)
}

func (d *demo) diff(ctx context.Context) error {
	return d.facsHead(ctx, 12, "diff", demoInstance, "prod")
}

func (d *demo) explain(ctx context.Context) error {
	return d.facs(ctx, facsimile.Done, "explain", demoInstance, "modules.api.service.n_instances")
}

func (d *demo) again(ctx context.Context) error {
	return d.facs(ctx, facsimile.Done, "deploy", demoInstance)
}

func (d *demo) down(ctx context.Context) error {
	return d.facs(ctx, facsimile.Done, "down", demoInstance)
}
