# A broker in a container: built from a checkout, runs as a user without rights, keeps its data in the volume /data.
#
#   docker build -t ottla .
#   docker run -p 9092:9092 -v ottla-data:/data ottla
FROM node:24-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
COPY tools tools
RUN npm ci --ignore-scripts
COPY . .
RUN npm pack --pack-destination /packed

FROM node:24-slim
# Else every thread keeps memory of its own that was freed.
ENV NODE_ENV=production MALLOC_ARENA_MAX=2
COPY --from=build /packed /packed
RUN npm install --global --ignore-scripts /packed/*.tgz && rm -r /packed
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 9092
# Clients are told the address that they dialled, so a published port works as it is; set KAFKA_ADVERTISED_LISTENERS where it does not.
ENTRYPOINT ["ottla"]
CMD ["start", "--host", "0.0.0.0", "--data", "/data"]
