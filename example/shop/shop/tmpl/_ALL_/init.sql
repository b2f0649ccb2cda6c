-- The accounts of {{ facs.instance }} in the accounting database. This file stands beside _DEPLOY_/, so it
-- is for its administrator and ships to no node.
{% for name, m in module.items() %}
CREATE USER {{ m.username }} WITH PASSWORD '{{ m.password }}';
GRANT SELECT ON ALL TABLES IN SCHEMA public TO {{ m.username }};
{% endfor %}
