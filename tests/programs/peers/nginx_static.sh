#!/bin/sh
# nginx as a server of static files on the port in PORT; SIGHUP reloads it. Its files are in the folder $1.
set -eu
folder=$1
mkdir -p "$folder/site" "$folder/logs"
echo "hello world" > "$folder/site/index.html"
cat > "$folder/nginx.conf" <<CONF
worker_processes 2;
daemon off;
pid nginx.pid;
error_log logs/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {
    listen 127.0.0.1:$PORT;
    root site;
    # A file that is posted to is refused with 405 otherwise, before its body has come.
    error_page 405 =200 /index.html;
  }
}
CONF
exec nginx -p "$folder" -c nginx.conf
