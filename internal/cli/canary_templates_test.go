package cli

import (
	"strconv"
	"strings"
	"testing"
)

// brokenExpressions are templates that fail next to a secret, or succeed and print it into a file.
func brokenExpressions() []string {
	return []string{
		"{{ module.web.password.nope.nope }}",
		"{{ module.web.password['nope'] }}",
		"{{ instance[module.web.password] }}",
		"{{ instance | attr(module.web.password) }}",
		"{{ instance.x[module.web.password].y }}",
		"{{ module.web.password + 1 }}",
		"{{ 1 / module.web.password }}",
		"{{ module.web.password < 3 }}",
		"{{ module.web.password() }}",
		"{{ module.web.password | format(1, 2) }}",
		"{{ '%d' | format(module.web.password) }}",
		"{{ module.web.password | round }}",
		"{% include module.web.password %}",
		"{{ module.web.password | nofilter }}",
		"{% for a, b in module.web.password %}{{ a.nope.nope }}{% endfor %}",
		"{{ range(module.web.password) }}",
		"{% extends module.web.password %}",
		"{% import module.web.password as x %}",
		"{% from module.web.password import x %}",
		"{{ [instance] | map(attribute=module.web.password) | list }}",
		"{{ [1] | map(module.web.password) | list }}",
		"{{ [1] | select(module.web.password) | list }}",
		"{{ [instance] | selectattr(module.web.password) | first }}",
		"{{ [instance] | groupby(module.web.password) }}",
		"{{ [instance] | sort(attribute=module.web.password) }}",
		"{{ [instance] | sum(attribute=module.web.password) }}",
		"{{ instance | dictsort(by=module.web.password) }}",
		"{{ 5 | round(method=module.web.password) }}",
		"{{ 'x' | indent(module.web.password) }}",
		"{{ 'x' | center(module.web.password) }}",
		"{{ dict(module.web.password) }}",
		"{{ namespace(module.web.password) }}",
		"{{ module.web.password | dictsort }}",
		"{{ [] | batch(module.web.password) | list }}",
		"{{ instance.db.host[module.web.password] }}",
		"{{ instance.title(module.web.password) }}",
		"{{ instance.db.host.split(module.web.password, module.web.password) }}",
		"{{ module.web.password.index('!') }}",
		"{{ 'abc'.index(module.web.password) }}",
		"{{ module.web.password.encode('nope') }}",
		"{{ module.web.password % 3 }}",
		"{{ -module.web.password }}",
		"{{ module.web.password ~ nope.nope }}",
		"{{ [1, 2][module.web.password] }}",
		"{{ 'x' * module.web.password }}",
		"{{ module.web.password | int + module.web.password }}",
		"{{ ('{' ~ module.web.password ~ '}').format(1) }}",
		"{{ ('{0.' ~ module.web.password ~ '}').format(1) }}",
		"{{ ('%(' ~ module.web.password ~ ')s') | format(a=1) }}",
		"{{ ('%' ~ module.web.password) | format(1) }}",
		"{% set ns = namespace() %}{{ ns[module.web.password] }}",
		"{{ {}[module.web.password].x }}",
		"{{ instance.dsn.nope.nope }}",
		"{{ instance.again[0].nope.nope }}",
		"{% include instance.dsn %}",
		"{% include [module.web.password, instance.dsn] %}",
		"{{ module[instance.dsn].x }}",
	}
}

func TestNoTemplateErrorShowsASecret(t *testing.T) {
	t.Parallel()
	canary := newCanary(t)
	beta, _ := canary.read("define/beta.yaml")
	for _, text := range brokenExpressions() {
		t.Run(text, func(t *testing.T) {
			canary.t, canary.said = t, nil
			canary.put("tmpl/_ALL_/_DEPLOY_/etc/dsn.conf", text)
			canary.facs("build beta")
			canary.checkSaid()
			canary.put("tmpl/_ALL_/_DEPLOY_/etc/dsn.conf", "x")
			canary.said = nil
			canary.put("define/beta.yaml", beta+"bad: "+strconv.Quote(strings.ReplaceAll(text, "module.", "instance.modules."))+"\n")
			canary.facs("show beta bad")
			canary.facs("build beta")
			canary.put("define/beta.yaml", beta)
			canary.checkSaid()
		})
	}
	canary.t = t
	canary.put("tmpl/_ALL_/_DEPLOY_/etc/dsn.conf", "{{ instance.dsn }}")
	canary.facs("build beta")
	canary.checkFiles()
}
