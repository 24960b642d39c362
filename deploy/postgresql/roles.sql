-- PostgreSQL's image runs this once, as the owner, when it makes the database. `koikarper migrate` gives the role its
-- rights, and gives it none to change the record. By hand, on a database that is there already: the same two lines.
\set password `cat /run/secrets/services-password`
create role koikarper_services login password :'password';
